"""The read side: one module a view, named by the question it answers: how events become rows, and queries on them."""
