# SPDX-License-Identifier: Apache-2.0
[inputs: ["mix.exs", "{config,lib}/**/*.{ex,exs}"], line_length: 100]
