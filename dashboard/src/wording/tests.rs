use super::*;

#[test]
fn numbers_are_read_at_a_glance() {
    assert_eq!([0, 999, 1_000, 162_935, 1_000_000].map(count), ["0", "999", "1,000", "162,935", "1,000,000"]);
}

#[test]
fn rates_are_said_in_the_unit_in_which_they_are_not_zero() {
    let said = [181.2, 6.0, 4.12, 0.2, 0.02, 4.0 / 3_600.0, 0.0].map(rate);
    assert_eq!(said, ["181/s", "6/s", "4.1/s", "0.2/s", "1/min", "4/h", ""]);
}

#[test]
fn ages_grow_coarser() {
    let said = [400, 9_999, 42_000, 120_000, 7_200_000, 5 * DAY].map(age);
    assert_eq!(said, ["0.4 s", "9 s", "42 s", "2 min", "2 h", "5 days"]);
}

#[test]
fn times_of_day_are_those_of_the_reader() {
    let at = 1_764_082_312_000; // 2025-11-25T14:51:52Z
    assert_eq!([0, 60, -900].map(|east| clock(at, east)), ["14:51:52", "15:51:52", "23:51:52"]);
    assert_eq!(minute(at, 0), "14:51");
}

#[test]
fn dates_know_leap_years() {
    let said = [0, 951_782_400_000, 1_764_082_312_000, 4_102_444_800_000].map(date);
    assert_eq!(said, ["1970-01-01", "2000-02-29", "2025-11-25", "2100-01-01"]);
}

#[test]
fn callers_are_named_as_people_name_them() {
    let said =
        ["system:serviceaccount:monitoring:prometheus", "system:anonymous", "system:node:gen-1", "dev:marek", ""];
    assert_eq!(said.map(who), ["monitoring/prometheus", "anonymous", "system:node:gen-1", "dev:marek", "nobody"]);
    assert_eq!(who("system:kube-scheduler"), "kube-scheduler");
}

#[test]
fn only_what_is_known_to_be_safe_is_called_safe() {
    let safe = State::ALL.iter().filter(|it| state(**it).contains("safe")).collect::<Vec<_>>();
    assert_eq!(safe, [&State::Asserted, &State::Safe]);
    let passing = Outcome::ALL.iter().filter(|it| outcome_sign(**it) == "safe").collect::<Vec<_>>();
    assert_eq!(passing, [&Outcome::Passes]);
}
