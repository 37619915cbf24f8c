// The libtorch operators and switches that tch does not bind. Every function is called from
// src/nn/operators.rs and src/device; a C++ exception must not cross into Rust, so each one returns
// 0 on success and otherwise 1 with the message in `error`.

#include <ATen/Context.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>

#include <cstdio>
#include <exception>
#include <vector>

namespace {

template <typename Operation>
int guarded(char *error, size_t length, Operation operation) {
  try {
    operation();
    return 0;
  } catch (const std::exception &caught) {
    std::snprintf(error, length, "%s", caught.what());
  } catch (...) {
    std::snprintf(error, length, "unknown C++ exception");
  }
  return 1;
}

} // namespace

extern "C" {

int replicate_fused_adam(at::Tensor *parameters, at::Tensor *gradients,
                         at::Tensor *first_moments, at::Tensor *second_moments,
                         at::Tensor *step, double learning_rate, double beta1,
                         double beta2, double epsilon, char *error,
                         size_t length) {
  return guarded(error, length, [&] {
    const std::vector<at::Tensor> none;
    at::_fused_adam_({*parameters}, {*gradients}, {*first_moments},
                     {*second_moments}, none, {*step}, learning_rate, beta1,
                     beta2, /*weight_decay=*/0.0, epsilon, /*amsgrad=*/false,
                     /*maximize=*/false);
  });
}

int replicate_fused_sgd(at::Tensor *parameters, at::Tensor *gradients,
                        at::Tensor *velocities, double rate, double momentum,
                        char *error, size_t length) {
  return guarded(error, length, [&] {
    at::_fused_sgd_({*parameters}, {*gradients}, {*velocities},
                    /*weight_decay=*/0.0, momentum, rate, /*dampening=*/0.0,
                    /*nesterov=*/false, /*maximize=*/false,
                    /*is_first_step=*/false);
  });
}

int replicate_set_exact_matmul(int exact, char *error, size_t length) {
  return guarded(error, length, [&] {
    at::globalContext().setAllowTF32CuBLAS(exact == 0);
    at::globalContext().setAllowTF32CuDNN(exact == 0);
  });
}

} // extern "C"
