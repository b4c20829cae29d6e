# SPDX-License-Identifier: Apache-2.0
import Config

config :ledger,
  currency: "EUR",
  transfer_timeout: 200,
  idle_timeout: 150

config :logger, level: :info
config :logger, :console, format: "[$level] $message\n", device: :standard_error
