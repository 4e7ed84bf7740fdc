# shellcheck shell=bash disable=SC2034
# Settings of `run` for a rehearsal: few images and tests, and steps of full size whose kernels are only counted.
epoch_presets=(digits)
smoke_options=(--train-limit 32 --test-limit 16)
epoch_options=(--train-limit 32 --test-limit 16)
training_options=(--train-limit 32 --test-limit 16)
bench_options=(--warm-up 3 --steps 2)
measured=(env SCN_HOST_DRY=1)
parity_tests=(update pinned)
network_tests=(cuda::mistakes)
command_tests=(device::devices device::names)
sanitized_tests=(update::two_parameters)
