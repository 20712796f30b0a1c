"""What is told to everybody: widespread incidents and their end, and articles that answer common questions."""

from tests.scenarios.desk import Desk
from tests.scenarios.scenario import scenario


@scenario("R15")
def test_r15_known_issues_and_status_updates_are_posted(desk: Desk) -> None:
    """A widespread issue shows in the public status with its news, until it is over."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    assert desk.asks("/v1/status")["state"] == "operational"
    # when an incident is declared and there is news of it
    declared = desk.does("declare-incident", title="Searches fail", text="We know, and look for the cause.")
    incident = declared["result"]["incident_id"]
    desk.does("post-incident-update", incident=incident, text="It is the search index.")
    status = desk.asks("/v1/status")
    assert status["state"] == "disrupted"
    (shown,) = status["incidents"]
    assert shown["title"] == "Searches fail"
    assert [each["text"] for each in shown["updates"]] == ["It is the search index."]
    # then once it is over the desk is operational, and takes no more news of it
    desk.does("resolve-incident", incident=incident, text="The index is built again.")
    status = desk.asks("/v1/status")
    assert (status["state"], status["incidents"]) == ("operational", [])
    desk.refuses("post-incident-update", "incident_resolved", incident=incident, text="One more thing")


@scenario("R15", "T3")
def test_r15_the_cases_of_an_incident_are_told_its_end_once(desk: Desk) -> None:
    """Each linked case hears, once, that the incident is over; that is no reply to what the customer asked."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    first, second, other = desk.case("technical_error"), desk.case("technical_error"), desk.case("technical_error")
    incident = desk.does("declare-incident", title="Searches fail", text="We know.")["result"]["incident_id"]
    # given an incident that caused two of three cases
    for case in (first, second):
        desk.does("link-incident", ticket=case, incident=incident)
        assert desk.ticket(case)["incidents"] == [incident]
    # when it is over, and said to be over a second time
    for _ in range(2):
        desk.does("resolve-incident", incident=incident, text="The index is built again.")
    desk.settles()
    # then both are told, once, and the third is not
    for case in (first, second):
        told = [each["text"] for each in desk.history(case, "IncidentResolutionAnnounced")]
        assert told == ["The index is built again."]
    assert desk.history(other, "IncidentResolutionAnnounced") == []
    assert len(desk.asks("/v1/notices", kind="incident_resolved")["items"]) == 2
    # and their customers still wait for a first response
    assert desk.clock(first, "first_response")["state"] == "running"
    # and what is over causes no further cases
    desk.refuses("link-incident", "incident_resolved", ticket=other, incident=incident)


@scenario("R24")
def test_r24_a_resolution_may_cite_an_article(desk: Desk) -> None:
    """Articles are published, revised and retired; a resolution cites one that can be read."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    desk.does(
        "publish-article", article_id="week-start", title="First day of the week", body="Look.", topics=["calendar"]
    )
    desk.does("revise-article", article_id="week-start", title="The week", body="Look here.", topics=["calendar"])
    article = desk.asks("/v1/articles/week-start")
    assert (article["title"], article["body"]) == ("The week", "Look here.")
    # when a case is resolved by it
    case, later = desk.case(), desk.case()
    desk.resolves(case, article="week-start")
    assert desk.ticket(case)["article"] == "week-start"
    # but not by one that is not there, or has been retired; what cited it still does
    answer = desk.sends("resolve-ticket", ticket=later, resolution="See the article.", article="no-such")
    assert (answer.status, answer.body["code"]) == (404, "unknown_article")
    desk.does("retire-article", article_id="week-start")
    desk.refuses("resolve-ticket", "article_retired", ticket=later, resolution="See it.", article="week-start")
    assert desk.ticket(case)["article"] == "week-start"
