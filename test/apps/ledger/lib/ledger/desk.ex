# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Desk do
  @moduledoc """
  What can be asked from outside, as words in and lines out. `Ledger.LineServer` and `Ledger.Web`
  carry it over the network.

      accounts                  a name a line
      balance NAME
      statement NAME            the lines of Ledger.statement/1
      transfer FROM TO AMOUNT   the number of the transaction
  """
  alias Ledger.{Money, Store, Transaction}

  @spec ask([String.t()]) :: {:ok, [String.t()]} | {:error, String.t()}
  def ask(["accounts"]), do: {:ok, Store.accounts()}
  def ask(["balance", name]), do: known(name, fn -> [to_string(Ledger.balance(name))] end)
  def ask(["statement", name]), do: known(name, fn -> Enum.to_list(Ledger.statement(name)) end)

  def ask(["transfer", from, to, amount]) do
    with true <- Store.known?(from) and Store.known?(to) and from != to,
         {:ok, %Money{cents: cents, currency: "EUR"}} when cents > 0 <- Money.parse(amount),
         {:ok, transaction} <- Transaction.transfer(from, to, cents) do
      {:ok, [to_string(Ledger.book(transaction).id)]}
    else
      false -> {:error, "no such accounts"}
      _ -> {:error, "not an amount"}
    end
  end

  def ask(_), do: {:error, "what?"}

  defp known(name, fun) do
    if Store.known?(name), do: {:ok, fun.()}, else: {:error, "no such account"}
  end
end
