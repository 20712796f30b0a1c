"""What reporting jobs read by SQL: views of SQL over the tables of the views, each column with its type and meaning."""
