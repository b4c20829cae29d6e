# SPDX-License-Identifier: Apache-2.0
defmodule Ledger do
  @moduledoc "Double-entry bookkeeping: every transaction moves money between accounts, none appears or vanishes."

  alias Ledger.{Journal, Money, Store, Transaction}

  def open(account), do: Store.open(account)
  def balance(account), do: Money.new(Store.balance(account))

  @doc "Books a balanced transaction: journal first, then the balances."
  def book(%Transaction{} = transaction) do
    transaction = %{transaction | id: Store.next_id()}
    :ok = Journal.append(transaction)
    for p <- transaction.postings, do: Store.post(p.account, transaction.id, p.amount.cents)
    transaction
  end

  @doc "The lines of an account's statement, with a running balance, made as they are read."
  def statement(account) do
    account
    |> Store.history()
    |> Stream.transform(0, fn {id, cents}, balance ->
      balance = balance + cents
      {["#{id};#{Money.new(cents)};#{Money.new(balance)}"], balance}
    end)
  end

  @doc "Statements of many accounts, made side by side; in the order asked for."
  def statements(accounts) do
    accounts
    |> Task.async_stream(&{&1, Enum.to_list(statement(&1))},
      max_concurrency: Application.fetch_env!(:ledger, :workers),
      ordered: true
    )
    |> Enum.map(fn {:ok, statement} -> statement end)
  end

  @doc "Books every line of a CSV file `text;from;to;amount`; tells how many, and which lines are wrong."
  def import_csv(path) do
    path
    |> File.stream!()
    |> Stream.map(&String.trim/1)
    |> Stream.with_index(1)
    |> Stream.reject(fn {line, _} -> line == "" or String.starts_with?(line, "#") end)
    |> Enum.reduce({0, []}, fn {line, number}, {booked, wrong} ->
      with [text, from, to, amount] <- String.split(line, ";"),
           {:ok, money} <- Money.parse(amount),
           true <- Store.known?(from) and Store.known?(to),
           {:ok, transaction} <- Transaction.transfer(from, to, money.cents, text) do
        book(transaction)
        {booked + 1, wrong}
      else
        _ -> {booked, [number | wrong]}
      end
    end)
    |> then(fn {booked, wrong} -> {booked, Enum.reverse(wrong)} end)
  end
end
