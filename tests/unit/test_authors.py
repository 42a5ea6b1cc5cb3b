"""Names of authors as feeds write them. All people here are invented."""

from __future__ import annotations

import pytest

from digest.authors import family_name, same_person, split_names


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("Smith, John; Doe, Jane", ["John Smith", "Jane Doe"]),
        ("Smith, John, Doe, Jane", ["John Smith", "Jane Doe"]),
        ("John Smith, PhD, Jane Doe, MD", ["John Smith", "Jane Doe"]),
        ("Rahman, Md; Ma, Jack; Ba, Li", ["Md Rahman", "Jack Ma", "Li Ba"]),
        ("Ma, Jack, Ba, Li", ["Jack Ma", "Li Ba"]),
        ("John Smith, Jr.", ["John Smith Jr."]),
        ("King, Jr., Martin", ["Martin King Jr."]),
        ("Smith, John A.", ["John A. Smith"]),
        ("Van Achterberg, Cornelis", ["Cornelis Van Achterberg"]),
        ("Kaur, M., Shukla, A.", ["M. Kaur", "A. Shukla"]),
        ("Gonzalez Perez, M., Garcia, A.", ["M. Gonzalez Perez", "A. Garcia"]),
        ("A. Smith & B. Doe", ["A. Smith", "B. Doe"]),
        ("A. Smith | B. Doe · C. Roe", ["A. Smith", "B. Doe", "C. Roe"]),
        ("A. Smith/B. Doe", ["A. Smith", "B. Doe"]),
        ("张三、李四", ["张三", "李四"]),
        ("张三，李四", ["张三", "李四"]),
        ("A. Smith, B. Doe, et al.", ["A. Smith", "B. Doe"]),
        ("Ann Alpha (ETH Zurich, Switzerland), Bo Beta", ["Ann Alpha", "Bo Beta"]),
        ("A. Alpha, B. Beta, and C. Gamma (NA Collaboration)",
         ["A. Alpha", "B. Beta", "C. Gamma", "NA Collaboration"]),
        ("Dr. Jane Doe, Prof. John Roe", ["Jane Doe", "John Roe"]),
        ("by Ann Alpha, Bo Beta", ["Ann Alpha", "Bo Beta"]),
        ("Centre for Trees and Graphs", ["Centre for Trees and Graphs"]),
        ("Jane Doe in London, UK", ["Jane Doe"]),
        ("Jane Doe1,2, John Roe2*", ["Jane Doe", "John Roe"]),
        ("nobody@example.org (Jane Doe)", ["Jane Doe"]),
        ("Ann Alpha;Bo Beta;", ["Ann Alpha", "Bo Beta"]),
    ],
)  # fmt: skip
def test_a_field_of_names_is_parted_and_turned(field: str, names: list[str]) -> None:
    assert split_names(field) == names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Łukasz Kowal", "Lukasz Kowal"),
        ("Jens Sørensen", "J. Sorensen"),
        ("Jens Sørensen", "Jens Soerensen"),
        ("Ayşe Yıldız", "Ayse Yildiz"),
        ("Đorđe Đurić", "Dorde Duric"),
        ("Thomas Müller", "Mueller, Thomas"),
        ("John Smith Jr.", "J. Smith"),
    ],
)
def test_a_name_is_the_same_in_every_alphabet_of_a_keyboard(one: str, other: str) -> None:
    assert same_person(one, other)
    assert family_name(one) == family_name(other)


def test_other_people_are_other_people() -> None:
    assert not same_person("Ann Alpha", "Bo Alpha")
    assert not same_person("Ann Alpha", "Ann Beta")
