# SPDX-License-Identifier: Apache-2.0
# Read at every start of the release, not when it is built.
import Config

mode =
  case System.get_env("LEDGER_MODE", "checks") do
    "checks" -> :checks
    "serve" -> :serve
    other -> raise "LEDGER_MODE must be checks or serve, not #{inspect(other)}"
  end

data_dir = System.get_env("LEDGER_DATA") || Path.join(System.tmp_dir!(), "ledger-#{System.pid()}")

config :ledger,
  # A command run by `bin/ledger eval` loads the application but does not start it.
  mode: mode,
  data_dir: data_dir,
  # 0: any that is free
  line_port: String.to_integer(System.get_env("LEDGER_LINE_PORT", "0")),
  http_port: String.to_integer(System.get_env("LEDGER_HTTP_PORT", "0")),
  workers: String.to_integer(System.get_env("LEDGER_WORKERS", "4"))
