// MKL, inside PyTorch, asks this function whether it may use its fastest kernels; its own answer is
// no on AMD. Preloaded, this one says yes, as our program does (src/device/mkl.rs).
int mkl_serv_intel_cpu_true(void) { return 1; }
