import pytest

from channels.rendering import Renderer
from tests.cli.cli_fixtures import Baton

TEMPLATES = sorted(Renderer().templates)


@pytest.mark.parametrize("language", ["en", "de", "fr", "nl", "es"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_message_can_be_seen_in_every_language(baton: Baton, template: str, language: str) -> None:
    answer = baton("preview", template, "--language", language)
    assert answer.exit_code == 0
    assert f"Content-Language: {language}" in answer.output
    assert "INV-1042" in answer.output


def test_the_html_part_stands_alone(baton: Baton) -> None:
    answer = baton("preview", "reminder_1", "--html", "--many")
    assert answer.output.lstrip().lower().startswith("<!doctype html")
    assert answer.output.rstrip().endswith("</html>")


def test_a_customer_sees_their_own_invoices(baton: Baton, filled: str) -> None:
    answer = baton("preview", "final_notice", "--customer", "C-1")
    assert answer.exit_code == 0, answer.output
    assert "To: eve@acme.example" in answer.output
    assert "INV-1" in answer.output


def test_what_does_not_exist_is_told_with_what_does(baton: Baton, filled: str) -> None:
    template = baton("preview", "reminder_9")
    assert template.exit_code == 2
    assert "reminder_1, reminder_2" in template.stderr
    language = baton("preview", "reminder_1", "--language", "xx")
    assert language.exit_code == 2
    assert "de, en, es, fr, nl" in language.stderr
    customer = baton("preview", "reminder_1", "--customer", "C-9")
    assert customer.exit_code == 1
    assert "there is no customer C-9" in customer.stderr
