# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Money do
  @moduledoc "An amount in cents; never a float."

  @enforce_keys [:cents]
  defstruct cents: 0, currency: "EUR"

  @type t :: %__MODULE__{cents: integer, currency: String.t()}

  def new(cents, currency \\ "EUR") when is_integer(cents),
    do: %__MODULE__{cents: cents, currency: currency}

  @doc "Reads `12`, `12.5`, `-0.05 EUR`."
  def parse(text) do
    case Regex.run(~r/^\s*(-?)(\d+)(?:\.(\d{1,2}))?(?:\s+([A-Z]{3}))?\s*$/, text) do
      nil ->
        {:error, :not_money}

      [_, sign, units | rest] ->
        fraction = rest |> Enum.at(0, "") |> String.pad_trailing(2, "0") |> String.to_integer()
        currency = Enum.at(rest, 1, "EUR")
        cents = String.to_integer(units) * 100 + fraction
        {:ok, new(if(sign == "-", do: -cents, else: cents), currency)}
    end
  end

  def add(%{currency: c} = a, %{currency: c} = b), do: new(a.cents + b.cents, c)
  def negate(money), do: new(-money.cents, money.currency)
  def sum(list), do: Enum.reduce(list, new(0), &add/2)

  defimpl String.Chars do
    def to_string(%{cents: cents, currency: currency}) do
      sign = if cents < 0, do: "-", else: ""
      fraction = cents |> abs() |> rem(100) |> Integer.to_string() |> String.pad_leading(2, "0")
      "#{sign}#{div(abs(cents), 100)}.#{fraction} #{currency}"
    end
  end

  defimpl Inspect do
    def inspect(money, _opts), do: "#Money<#{money}>"
  end
end
