"""How are topics read? By kafka-python, whose records are made of the bytes of a batch here."""
