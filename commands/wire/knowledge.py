"""The data of commands about the articles of the knowledge base."""

from commands.wire.fields import Identifier, Line, Many, Text
from commands.wire.schema import WireSchema
from commands.wire.tickets import LONGEST_BODY, LONGEST_SUBJECT

LONGEST_TOPIC = 100
MOST_TOPICS = 50


class ReviseArticle(WireSchema):
    """An article says something else, the whole of it anew."""

    article_id = Identifier(required=True)
    title = Line(longest=LONGEST_SUBJECT, required=True)
    body = Text(longest=LONGEST_BODY, required=True)
    topics = Many(Line(longest=LONGEST_TOPIC), most=MOST_TOPICS, distinct=True, required=True)


class PublishArticle(ReviseArticle):
    """An article answers a question for everybody (SUPPORT_POLICY R24)."""

    article_id = Identifier(metadata={"description": "Made by the desk where it is left out."})


class RetireArticle(WireSchema):
    """An article is not to be read any more."""

    article_id = Identifier(required=True)
