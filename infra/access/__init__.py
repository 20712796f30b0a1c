"""Who is this, and how often may they ask? Keys, and limits by the minute; api/http/access/ says what each may do."""
