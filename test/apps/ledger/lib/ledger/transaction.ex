# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Posting do
  @moduledoc "One line of a transaction: an account and what it gains (or, negative, loses)."
  @enforce_keys [:account, :amount]
  defstruct [:account, :amount]
end

defmodule Ledger.Transaction do
  @moduledoc "A balanced set of postings: they add up to nothing, or it is no transaction."
  alias Ledger.{Money, Posting}

  @enforce_keys [:text, :postings]
  defstruct [:id, :text, :postings, tags: MapSet.new()]

  def new(text, postings, tags \\ []) do
    postings =
      for {account, cents} <- postings, do: %Posting{account: account, amount: Money.new(cents)}

    case Money.sum(Enum.map(postings, & &1.amount)) do
      %Money{cents: 0} when postings != [] ->
        {:ok, %__MODULE__{text: text, postings: postings, tags: MapSet.new(tags)}}

      %Money{} = off ->
        {:error, {:unbalanced, off}}
    end
  end

  def transfer(from, to, cents, text \\ "transfer") when cents > 0,
    do: new(text, [{from, -cents}, {to, cents}])
end

defprotocol Ledger.Describe do
  @moduledoc "A line of text for a statement."
  @fallback_to_any true
  def line(thing)
end

defimpl Ledger.Describe, for: Ledger.Money do
  def line(money), do: String.pad_leading(to_string(money), 14)
end

defimpl Ledger.Describe, for: Ledger.Posting do
  def line(p), do: String.pad_trailing(p.account, 12) <> Ledger.Describe.line(p.amount)
end

defimpl Ledger.Describe, for: Ledger.Transaction do
  def line(t),
    do: "##{t.id} #{t.text}: " <> Enum.map_join(t.postings, ", ", &(&1.account <> " #{&1.amount}"))
end

defimpl Ledger.Describe, for: Any do
  def line(other), do: inspect(other)
end
