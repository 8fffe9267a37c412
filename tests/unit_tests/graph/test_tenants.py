"""No tenant is ever given another's answer, whatever remembers answers."""

from tenants import CACHES, TENANTS, answers


def test_no_tenant_gets_anothers_answer():
    given = list(answers(questions=1))
    assert len(given) == len(CACHES) * 4 * 4 * len(TENANTS)
    assert [each for each in given if not each[2].startswith(each[0])] == []
