# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.MixProject do
  use Mix.Project

  def project do
    [
      app: :ledger,
      version: "1.0.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: [],
      releases: [ledger: [include_executables_for: [:unix], include_erts: erts()]]
    ]
  end

  def application do
    [mod: {Ledger.Application, []}, extra_applications: [:logger, :inets]]
  end

  # LEDGER_ERTS names the erts folder to ship inside the release, for example Joist's
  # PREFIX/lib/joist/erts-VSN. Without it the release uses the erl on PATH.
  defp erts do
    case System.get_env("LEDGER_ERTS", "") do
      "" -> false
      path -> path
    end
  end
end
