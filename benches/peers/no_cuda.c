// Stands in for libtorch_cuda.so, so that PyTorch's wheel imports without the gigabytes of CUDA
// libraries that the real one is linked against: on a CPU nothing here is ever called. Listed are
// the symbols that libtorch_python.so 2.11.0 wants as soon as it is loaded; all others are looked up
// when they are first called. Found in the wheel's torch/lib by
//
//   readelf -rW libtorch_python.so | grep -v JUMP_SLO | awk '{print $5}' | sort -u
//   nm -D --defined-only libtorch_cuda.so | awk '{print $3}' | sort -u
//
// as what is in both and in neither libtorch_cpu.so nor libc10.so nor libc10_cuda.so.

#define ABSENT(symbol) void *symbol[64];
// C++ type descriptions, which Python's bindings register by name.
#define TYPE(symbol) const struct { const void *table; const char *name; } symbol = {0, #symbol};

ABSENT(_ZN2at4cuda12GreenContext10popContextEv)
ABSENT(_ZN2at4cuda12GreenContext10setContextEv)
ABSENT(_ZN2at4cuda12GreenContext6createEjSt8optionalIjE)
ABSENT(_ZN2at4cuda17graph_pool_handleEv)
ABSENT(_ZN2at4cuda7MemPool2idEv)
ABSENT(_ZN2at4cuda7MemPool9use_countEv)
ABSENT(_ZN2at4cuda9CUDAGraph10debug_dumpERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE)
ABSENT(_ZN2at4cuda9CUDAGraph11capture_endEv)
ABSENT(_ZN2at4cuda9CUDAGraph11instantiateEv)
ABSENT(_ZN2at4cuda9CUDAGraph17enable_debug_modeEv)
ABSENT(_ZN2at4cuda9CUDAGraph4poolEv)
ABSENT(_ZN2at4cuda9CUDAGraph5resetEv)
ABSENT(_ZN2at4cuda9CUDAGraph6replayEv)
ABSENT(_ZN4c10d15intra_node_comm28getIntraNodeCommUsageCounterEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL10getCommPtrEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL10groupStartEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL13isInitializedEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL15endTimeEstimateEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL15registerMemPoolEPN2at4cuda7MemPoolEb)
ABSENT(_ZN4c10d16ProcessGroupNCCL17deregisterMemPoolEPN2at4cuda7MemPoolE)
ABSENT(_ZN4c10d16ProcessGroupNCCL17startTimeEstimateEv)
ABSENT(_ZN4c10d16ProcessGroupNCCL19performNocolorSplitEN3c106DeviceE)
ABSENT(_ZN4c10d16ProcessGroupNCCL8groupEndEv)
ABSENT(_ZN5torch4cuda22_record_memory_historyESt8optionalINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEES8_RKS7_mbbbRKSt6vectorIS7_SaIS7_EE)
ABSENT(_ZN5torch4cuda22_record_memory_historyEbblbbbbbRKSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS7_EE)
ABSENT(_ZNK4c10d16ProcessGroupNCCL19getCommSplitCounterEv)
TYPE(_ZTIN4c10d16ProcessGroupNCCLE)
TYPE(_ZTIN5torch4cuda22CUDAPluggableAllocator22CUDAPluggableAllocatorE)
TYPE(_ZTIN5torch8inductor28AOTIModelContainerRunnerCudaE)
ABSENT(_ZTVN5torch3jit10tensorexpr11CudaCodeGenE)
ABSENT(_ZTVN5torch4cuda22CUDAPluggableAllocator22CUDAPluggableAllocatorE)
ABSENT(_ZN4c10d17nvshmem_extension20is_nvshmem_availableEv)
ABSENT(_ZN4c10d17nvshmem_extension22nvshmemx_cumodule_initEm)

// Called while libtorch_python.so is loaded, which writes to where the answer points.
void *_ZN4c10d15get_gil_checkerEv(void) {
  static void *checker;
  return &checker;
}
