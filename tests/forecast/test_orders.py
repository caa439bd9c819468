"""Orders of work: conservation, what all orders share, what sets them apart, and single cases simulated by SimPy."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
import simpy
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from poblar.forecast import DrawsError, simulate_queue
from poblar.forecast.orders import ORDERS, Priority, Removal
from poblar.forecast.waits import all_classes

Array = NDArray[np.float64]

FIFO, LIFO, RANDOM = ORDERS
ALL = ("arrivals", "pending", "ages")
GROUPS = ("children", "others")
PRIORITIES = (
    Priority(classes=GROUPS),
    Priority(classes=GROUPS[::-1], within={"children": LIFO, "others": RANDOM}, reserved={"children": 0.3}),
)
ANY = st.sampled_from((*ORDERS, *PRIORITIES))
SEEDS = st.integers(0, 10**6)
DRAWS = 8  # ledgers in each example
few = settings(max_examples=25)


def months(number: int) -> NDArray[np.datetime64]:
    return (np.datetime64("2027-01", "M") + np.arange(number)).astype("datetime64[s]")


def queue_of(arrivals: Array, capacity: Array, withdrawal: float | Array, backlog: float | Array) -> xr.Dataset:
    """A queue of one country, from arrays that broadcast to (draw, month); one officer decides what can be decided."""
    axes, shape = ("draw", "country", "month"), np.broadcast_shapes(np.shape(arrivals), np.shape(capacity))
    flows = {"arrivals": arrivals, "productivity": capacity, "withdrawal": withdrawal}
    return xr.Dataset(
        {name: (axes, np.broadcast_to(flow, shape)[:, None].astype(float)) for name, flow in flows.items()}
        | {"backlog": (("draw", "country"), np.broadcast_to(backlog, shape[:1])[:, None].astype(float))},
        coords={"country": ["MEX"], "month": months(shape[1])},
    )


def split(values: xr.DataArray, children: float = 0.3) -> xr.DataArray:
    return values * xr.DataArray([children, 1 - children], coords={"class": list(GROUPS)})


def random_ledger(seed: int, order: str | Priority, *, leaving: bool = True) -> tuple[xr.Dataset, xr.DataArray]:
    """A queue with idle months and months without arrivals, split into the classes of the order, and ages."""
    rng = np.random.default_rng(seed)
    shape = (DRAWS, int(rng.integers(2, 30)))
    ages = xr.DataArray(rng.gamma(0.5, 20.0, (DRAWS, 1, 4)), dims=("draw", "country", "age"), coords={"age": range(4)})
    queue = queue_of(
        rng.gamma(0.7, 20.0, shape) * (rng.random(shape) < 0.8),
        rng.gamma(0.7, 22.0, shape) * (rng.random(shape) < 0.9),
        rng.uniform(0.0, 0.3, shape) * leaving,
        ages.sum("age").to_numpy()[:, 0],
    )
    if isinstance(order, Priority):
        ages = split(ages)
        queue = queue.assign(arrivals=split(queue["arrivals"]), backlog=split(queue["backlog"]))
    return queue, ages


def whole(run: xr.Dataset) -> xr.Dataset:
    return all_classes(run) if "class" in run.dims else run


@few
@given(SEEDS, ANY, st.floats(0.0, 1.0), st.booleans())
def test_every_case_is_decided_has_withdrawn_was_removed_or_waits(
    seed: int, order: str | Priority, share: float, oldest_first: bool
) -> None:
    queue, ages = random_ledger(seed, order)
    removal = Removal(month="2027-02", share=share, number=5.0, oldest_first=oldest_first)
    run = simulate_queue(queue, 1.0, order=order, ages=ages, removals=[removal])
    xr.testing.assert_allclose(
        run["pending"].isel(month=0, drop=True), queue["backlog"].reindex_like(run).rename("pending")
    )
    leaving = run["decided"] + run["withdrawn"] + run["removed"]
    change = (run["arrivals"] - leaving).isel(month=slice(None, -1))
    np.testing.assert_allclose(run["pending"].diff("month"), change, atol=1e-9)
    assert bool((run[["pending", "decided", "withdrawn", "removed"]] >= 0).to_array().all())


@few
@given(SEEDS, ANY, st.floats(0.0, 1.0))
def test_cohorts_keep_their_cases_and_add_up_to_the_queue(seed: int, order: str | Priority, share: float) -> None:
    """Those waiting a month on are those who waited, less withdrawn, removed and decided, cohort by cohort."""
    queue, ages = random_ledger(seed, order)
    last = queue.sizes["month"] - 1
    removal = Removal(month="2027-02", share=share)
    run = simulate_queue(queue, 1.0, order=order, ages=ages, removals=[removal], keep=ALL, longest=last + 1)
    axes = [*run["pending"].dims[:-1], "month", "after"]
    stays = (1.0 - queue["withdrawal"]) * (1.0 - share * (queue["month"] == months(2)[1]))
    stays = stays.broadcast_like(run["pending"]).transpose(*axes[:-1]).to_numpy()
    decided, waiting = (run[f"arrivals_{name}"].transpose(*axes).to_numpy() for name in ("decided", "waiting"))
    opening, still = (run[f"pending_{name}"].isel(month=0).to_numpy() for name in ("decided", "waiting"))
    np.testing.assert_allclose(decided[..., 0] + waiting[..., 0], run["arrivals"], atol=1e-9)
    for month in range(last + 1):
        cohorts = np.arange(month + 1)
        in_month = opening[..., month] + decided[..., cohorts, month - cohorts].sum(-1)
        np.testing.assert_allclose(in_month, run["decided"].isel(month=month), atol=1e-9)
        if month < last:
            left = still[..., month] + waiting[..., cohorts, month - cohorts].sum(-1)
            np.testing.assert_allclose(left, run["pending"].isel(month=month + 1), atol=1e-9)
            expected = waiting[..., cohorts, month - cohorts] * stays[..., [month + 1]]
            expected -= decided[..., cohorts, month + 1 - cohorts]
            np.testing.assert_allclose(waiting[..., cohorts, month + 1 - cohorts], expected, atol=1e-9)
    np.testing.assert_allclose(run["pending_by_age"].sum("age"), run["pending"], atol=1e-9)
    assert bool(np.isnan(run["arrivals_decided"].isel(month=-1, after=slice(1, None))).all())


@few
@given(SEEDS, ANY)
def test_those_waiting_at_a_date_are_decided_as_their_cohorts_are(seed: int, order: str | Priority) -> None:
    queue, _ = random_ledger(seed, order)
    last = queue.sizes["month"] - 1
    run = simulate_queue(queue, 1.0, order=order, keep=("arrivals", "pending"), longest=last)
    date = last // 2
    for after in range(last + 1 - date):
        expected = run["pending_decided"].isel(month=0, after=date + after)
        for cohort in range(date):
            expected = expected + run["arrivals_decided"].isel(month=cohort, after=date + after - cohort)
        np.testing.assert_allclose(run["pending_decided"].isel(month=date, after=after), expected, atol=1e-9)


@few
@given(SEEDS)
def test_as_many_wait_in_every_order_when_all_withdraw_alike(seed: int) -> None:
    queue, ages = random_ledger(seed, PRIORITIES[0])
    plain = queue.assign(arrivals=queue["arrivals"].sum("class"), backlog=queue["backlog"].sum("class"))
    first = simulate_queue(plain, 1.0, ages=ages.sum("class"))
    for order in (*ORDERS[1:], *PRIORITIES):
        split_up = isinstance(order, Priority)
        run = simulate_queue(
            queue if split_up else plain, 1.0, order=order, ages=ages if split_up else ages.sum("class")
        )
        for name in ("pending", "decided", "withdrawn"):
            np.testing.assert_allclose(whole(run)[name], first[name], atol=1e-8)


@few
@given(SEEDS)
def test_one_class_first_in_first_out_is_the_plain_queue(seed: int) -> None:
    """To the last bit; and a backlog of unknown age is worked as one of known ages in which all are as old."""
    queue, _ = random_ledger(seed, FIFO)
    plain = simulate_queue(queue, 1.0, keep=("arrivals",))
    only = queue.assign({name: queue[name].expand_dims({"class": ["all"]}) for name in ("arrivals", "backlog")})
    one = simulate_queue(only, 1.0, order=Priority(classes=["all"]), keep=("arrivals",)).isel({"class": 0}, drop=True)
    xr.testing.assert_identical(one, plain)
    ages = queue["backlog"].expand_dims(age=[0], axis=-1)
    aged = simulate_queue(queue, 1.0, ages=ages, keep=("arrivals",))
    xr.testing.assert_identical(aged.drop_vars("waited"), plain.drop_vars("waited"))


def cleared(seed: int, *, opening: bool = True) -> dict[str, xr.Dataset]:
    """The same ledger without withdrawal in every order, with everyone decided by the end."""
    queue, ages = random_ledger(seed, FIFO, leaving=False)
    queue["productivity"][..., -1] = 1e9
    queue, ages = queue.assign(backlog=opening * queue["backlog"]), opening * ages
    longest = queue.sizes["month"] + 4
    return {order: simulate_queue(queue, 1.0, order=order, ages=ages, keep=ALL, longest=longest) for order in ORDERS}


@few
@given(SEEDS)
def test_orders_share_the_mean_wait_and_differ_in_spread(seed: int) -> None:
    """First in, first out has the least variance of waits and last in, first out the largest (Kingman 1962)."""
    runs = cleared(seed, opening=False)
    squares = {}
    for order, run in runs.items():
        np.testing.assert_allclose(run["waited"].sum("month"), runs[FIFO]["waited"].sum("month"), rtol=1e-9, atol=1e-6)
        squares[order] = (run["arrivals_decided"] * run["after"] ** 2).sum(("month", "after"))  # none past the end
    slack = 1e-6 + 1e-9 * squares[LIFO]
    assert bool((squares[FIFO] <= squares[RANDOM] + slack).all())
    assert bool((squares[RANDOM] <= squares[LIFO] + slack).all())


def test_last_in_first_out_spreads_waits_wider() -> None:
    """Seasonal arrivals: the same mean wait, and more than twice the standard deviation."""
    season = 100.0 + 60.0 * np.sin(2 * np.pi * np.arange(120) / 12)
    capacity = np.full(120, 101.0)
    capacity[-1] = 1e9
    deviation = {}
    for order in ORDERS:
        run = simulate_queue(queue_of(season[None], capacity[None], 0.0, 0.0), 1.0, order=order, keep=ALL, longest=119)
        cases = run["arrivals_decided"].sum("month") / run["arrivals"].sum("month")
        mean = (cases * run["after"]).sum("after")
        deviation[order] = float(np.sqrt((cases * (run["after"] - mean) ** 2).sum("after")).squeeze())
    assert deviation[FIFO] < deviation[RANDOM] < deviation[LIFO]
    assert deviation[LIFO] > 2.5 * deviation[FIFO]


@few
@given(SEEDS)
def test_littles_law_holds_of_every_ledger_that_is_cleared(seed: int) -> None:
    """A case that waits k months is pending at k months' starts: the sums agree, and no term is left over.

    Opening cases of age a were pending at a starts before the first month.
    """
    for run in cleared(seed).values():
        opening = run["pending_by_age"].isel(month=0)
        before = (opening * opening["age"]).sum("age")
        np.testing.assert_allclose(run["pending"].sum("month") + before, run["waited"].sum("month"), atol=1e-6)


@pytest.mark.parametrize("order", [*ORDERS, *PRIORITIES], ids=[*ORDERS, "priority", "priority, reserved"])
def test_littles_law_holds_in_a_steady_state_with_withdrawal(order: str | Priority) -> None:
    """Cases pending at a month's start = arrivals a month x mean months until decided or withdrawn.

    In months no term is left over, since a case that leaves after k months is pending at k starts; counted in days a
    wait is within a month of k. Nine per cent withdraw each month, so that 250 months leave 1e-10 of the start.
    """
    queue = queue_of(np.full((1, 500), 40.0), np.full((1, 500), 30.0), 0.09, 500.0)
    if isinstance(order, Priority):
        queue = queue.assign(arrivals=split(queue["arrivals"]), backlog=split(queue["backlog"]))
    run = whole(simulate_queue(queue, 1.0, order=order, keep=("arrivals",), longest=499))
    rate, month = 40.0, 250
    mean_wait = run["arrivals_waiting"].isel(month=month).sum("after") / rate  # waiting after k months: sum over k
    np.testing.assert_allclose(run["pending"].isel(month=490), rate * mean_wait, rtol=1e-9)


@few
@given(SEEDS)
def test_first_in_first_out_waits_are_the_distance_between_cumulative_curves(seed: int) -> None:
    """Cases that arrive in s are decided by t as far as cumulative decisions have passed those who came before.

    Withdrawal is the growth of both curves (module `queue`).
    """
    queue, _ = random_ledger(seed, FIFO)
    last = queue.sizes["month"] - 1
    run = simulate_queue(queue, 1.0, keep=("arrivals",), longest=last)
    arrivals, done, leaves = (data.to_numpy()[:, 0] for data in (run["arrivals"], run["decided"], queue["withdrawal"]))
    after_arrival = run["arrivals_decided"].to_numpy()[:, 0]
    growth = np.cumprod(1.0 / (1.0 - leaves), axis=-1)
    came = np.cumsum(np.concatenate([queue["backlog"].to_numpy(), arrivals * growth], axis=1), axis=-1)
    done = np.cumsum(done * growth, axis=-1)
    for month in range(last + 1):
        passed = np.clip(done[:, month:], came[:, [month]], came[:, [month + 1]]) - came[:, [month]]
        decided = np.cumsum(after_arrival[:, month, : last + 1 - month] * growth[:, month:], axis=-1)
        assert (np.abs(decided - passed) <= 1e-9 * came[:, [-1]]).all()


def single_cases(
    arrivals: Array, opening: Array, capacity: int, withdrawal: float, order: Priority, seed: int
) -> tuple[Array, Array]:
    """Cases decided, one by one: of arrivals (class, month, after) and of the opening (class, after).

    Each case is a process, which waits for its decision and gives up after a geometric number of months, before that
    month's cases arrive and its officers begin. `opening` (class, age) is as in `simulate_queue`.
    """
    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    classes, length = arrivals.shape
    waiting: list[dict[simpy.Event, int]] = [{} for _ in range(classes)]  # the month of arrival of each
    decided, cleared = np.zeros((classes, length, length)), np.zeros((classes, length))

    def case(group: int, arrived: int) -> Generator[simpy.Event, object, None]:
        decision = env.event()
        waiting[group][decision] = arrived
        patience = rng.geometric(withdrawal) if withdrawal else np.inf
        yield decision | env.timeout(max(arrived, -1) + patience + 0.25 - env.now)
        if not decision.triggered:
            del waiting[group][decision]
        elif arrived < 0:
            cleared[group, int(env.now)] += 1
        else:
            decided[group, arrived, int(env.now) - arrived] += 1

    def line(group: int) -> list[simpy.Event]:
        sign = {FIFO: 1, LIFO: -1, RANDOM: 0}[order.orders[group]]
        return sorted(waiting[group], key=lambda one: (sign * waiting[group][one], rng.random()))

    def office() -> Generator[simpy.Event, object, None]:
        for month in range(length):
            yield env.timeout(month + 0.5 - env.now)
            for group in range(classes):
                for _ in range(int(arrivals[group, month])):
                    env.process(case(group, month))
            yield env.timeout(0.25)
            lines = [line(group) for group in range(classes)]
            places = [round(order.reserved.get(name, 0.0) * capacity) for name in order.classes]
            called = [one for group in range(classes) for one in lines[group][: places[group]]]
            called += [one for group in range(classes) for one in lines[group][places[group] :]]
            for decision in called[:capacity]:
                decision.succeed()
            for group in range(classes):
                waiting[group] = {one: arrived for one, arrived in waiting[group].items() if not one.triggered}

    for group, age in np.ndindex(*opening.shape):
        for _ in range(int(opening[group, age])):
            env.process(case(group, -1 - age))
    env.process(office())
    env.run(until=length)
    return decided, cleared


SINGLE = {
    FIFO: Priority(classes=["all"], within=FIFO),
    LIFO: Priority(classes=["all"], within=LIFO),
    RANDOM: Priority(classes=["all"], within=RANDOM),
    "priority": Priority(classes=GROUPS, within={"children": FIFO, "others": LIFO}),
    "reserved": Priority(classes=GROUPS, reserved={"others": 0.8}),
}
LENGTH = 12


def case_load(order: Priority, size: int) -> tuple[Array, Array]:
    """Arrivals (class, month) and opening cases (class, age) in whole numbers, about `size` a month."""
    share = np.array([[0.25], [0.75]]) if len(order.classes) == 2 else np.ones((1, 1))
    return share * size * np.array([1.0, 1.2, 0.8, 1.4, 0.6, 1.0] * 2), share * size * np.array([0.8, 0.4, 1.2])


def shares_of_cohorts(order: Priority, size: int, withdrawal: float) -> tuple[Array, float]:
    """The kernel's shares decided within so many months (class, cohort, after), the opening last; and most pending."""
    arrivals, opening = case_load(order, size)
    flow = ("draw", "country", "month")
    queue = xr.Dataset(
        {
            "arrivals": (("draw", "country", "class", "month"), arrivals[None, None]),
            "productivity": (flow, np.full((1, 1, LENGTH), float(size))),
            "withdrawal": (flow, np.full((1, 1, LENGTH), withdrawal)),
            "backlog": (("country", "class"), opening.sum(-1)[None]),
        },
        coords={"class": list(order.classes), "country": ["MEX"], "month": months(LENGTH)},
    )
    ages = xr.DataArray(opening, coords={"class": list(order.classes), "age": range(3)})
    run = simulate_queue(queue, 1.0, order=order, ages=ages, keep=ALL, longest=LENGTH - 1)
    of_arrivals = run["arrivals_decided"].squeeze(("draw", "country")).fillna(0.0)
    of_opening = run["pending_decided"].isel(month=[0]).squeeze(("draw", "country"))
    decided = np.concatenate([of_arrivals, of_opening], axis=1)
    return np.cumsum(decided, axis=-1) / cohort_sizes(order, size), float(run["pending"].sum("class").max())


def cohort_sizes(order: Priority, size: int) -> Array:
    arrivals, opening = case_load(order, size)
    return np.concatenate([arrivals, opening.sum(-1, keepdims=True)], axis=1)[..., None]


def shares_of_single_cases(order: Priority, size: int, withdrawal: float, repeats: int) -> Array:
    """The same shares, the mean of runs of single cases."""
    load = case_load(order, size)
    runs = [single_cases(*load, size, withdrawal, order, seed) for seed in range(repeats)]
    decided = np.mean([np.concatenate([later, first[:, None]], axis=1) for later, first in runs], axis=0)
    return np.cumsum(decided, axis=-1) / cohort_sizes(order, size)


@pytest.mark.parametrize("name", [name for name in SINGLE if name != RANDOM])
def test_single_cases_without_chance_are_the_cohorts(name: str) -> None:
    """Whole cases, no withdrawal and no lots to draw: not one case is decided in another month."""
    expected, _ = shares_of_cohorts(SINGLE[name], 40, 0.0)
    np.testing.assert_allclose(shares_of_single_cases(SINGLE[name], 40, 0.0, 1), expected, atol=1e-12)


def test_single_cases_in_random_order_agree_with_the_cohorts() -> None:
    """Without withdrawal the cohorts' shares p are exactly what single cases expect.

    A cohort's share is a mean over its a cases, drawn without replacement, and over R runs, so that its variance is at
    most p (1 - p) / (a R): about 0.012 at most here. The bound is 4.5 such errors, for 156 shares.
    """
    size, repeats = 40, 40
    expected, _ = shares_of_cohorts(SINGLE[RANDOM], size, 0.0)
    error = np.sqrt(expected * (1.0 - expected) / (cohort_sizes(SINGLE[RANDOM], size) * repeats))
    found = shares_of_single_cases(SINGLE[RANDOM], size, 0.0, repeats)
    assert error.max() < 0.0175
    assert (np.abs(found - expected) <= 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("name", SINGLE)
def test_single_cases_that_withdraw_agree_with_the_cohorts_and_with_no_other_order(name: str) -> None:
    """Within the error of R runs and the distance of real numbers from whole cases.

    Of the N cases ahead those who withdraw are binomial, N q (1 - q), which moves a cohort's share by their standard
    deviation over its size: that is added to the error, p (1 - p) / a, before the root of R divides both. As a share
    is cut off at 0 and at 1, its mean is shifted too, by at most half that deviation (Jensen's inequality, twice): an
    allowance that falls with the root of the size.
    """
    order, size, withdrawal, repeats = SINGLE[name], 200, 0.02, 8
    expected, most = shares_of_cohorts(order, size, withdrawal)
    cases = cohort_sizes(order, size)
    leaves = 1.0 - (1.0 - withdrawal) ** LENGTH
    moved = np.sqrt(most * leaves * (1.0 - leaves)) / cases
    bound = 4.0 * np.sqrt((expected * (1.0 - expected) / cases + moved**2) / repeats) + 0.5 * moved
    found = shares_of_single_cases(order, size, withdrawal, repeats)
    assert (np.abs(found - expected) <= bound).all()
    for other in SINGLE.values():
        if other is not order and other.classes == order.classes:
            assert (np.abs(found - shares_of_cohorts(other, size, withdrawal)[0]) > bound).any()


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(DrawsError, match=r"expected one of the orders 'first in, first out'.* found 'oldest first'"):
        simulate_queue(random_ledger(1, FIFO)[0], 1.0, order="oldest first")
    with pytest.raises(DrawsError, match=r"expected one of the orders .* found 'oldest first'"):
        Priority(classes=GROUPS, within="oldest first")
    with pytest.raises(
        DrawsError, match=r"expected classes with a name each, in order of precedence, found \['a', 'a'\]"
    ):
        Priority(classes=["a", "a"])
    with pytest.raises(DrawsError, match="expected classes with a name each"):
        Priority(classes="children")
    with pytest.raises(DrawsError, match="expected within= an order for each of"):
        Priority(classes=GROUPS, within={"children": FIFO})
    with pytest.raises(DrawsError, match=r"expected reserved= shares of .* found \['elders'\]"):
        Priority(classes=GROUPS, reserved={"elders": 0.1})
    for shares in ({"children": 1.1}, {"children": -0.1}, {"children": 0.6, "others": 0.6}, {"others": np.nan}):
        with pytest.raises(DrawsError, match="expected reserved= shares from 0 to 1, 1 in all"):
            Priority(classes=GROUPS, reserved=shares)


def test_classes_of_the_queue_are_those_of_the_order() -> None:
    queue, _ = random_ledger(1, PRIORITIES[0])
    with pytest.raises(DrawsError, match="expected a Priority for a queue with classes, found 'random'"):
        simulate_queue(queue, 1.0, order=RANDOM)
    with pytest.raises(DrawsError, match=r"expected the classes .*'elders'.* found"):
        simulate_queue(queue, 1.0, order=Priority(classes=["children", "elders"]))
    with pytest.raises(DrawsError, match="expected arrivals and backlog along class"):
        simulate_queue(random_ledger(1, FIFO)[0], 1.0, order=PRIORITIES[0])
    with pytest.raises(DrawsError, match="productivity: expected one for all classes, found an axis class"):
        simulate_queue(queue.assign(productivity=split(queue["productivity"])), 1.0, order=PRIORITIES[0])
