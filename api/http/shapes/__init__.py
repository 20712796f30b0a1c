"""The shapes of answers, as the contract fixes them: what the OpenAPI document says of them is made from these types.

Fields may be added, never renamed or taken away. Tests hold every answer against its shape.
"""
