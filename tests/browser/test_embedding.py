"""The built folder within a site of others: ``embed.js`` with its element and its client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, expect

from spa_runtime import bundle
from tests.browser.browser import Chromium, launched, served, wait_until_ready
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT, sources
from tests.browser.dashboard import Dashboard, output_of
from tests.browser.host_site import EMBED, HostSite, host_site, third_party

HERE = Path(__file__).parent
JOBS = HERE / "console" / "jobs.py"
ELEMENT = f"{EMBED}<h1>Shop</h1><durably-console></durably-console>"
HOSTILE = f"<base href='https://elsewhere.invalid/'><style>{(HERE / 'hostile.css').read_text()}</style>"
SCRIPT = """
<script type="module">
  import {{ createDurably }} from '{embed}'
  window.durably = createDurably()
  const {{ output }} = await durably.jobs.bake.triggerAndWait({{ loaves: 2, flour: 'rye' }})
  document.title = `${{output.baked}} loaves`
</script>
"""
NOTHING_YET = "Nothing has run in this browser yet."
STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'"


def script(embed: str = "/app/embed.js") -> str:
    return SCRIPT.format(embed=embed)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console over three jobs."""
    return write_site(tmp_path_factory.mktemp("embedding") / "dist", JOBS)


def write_site(folder: Path, jobs: Path) -> Path:
    page = ROOT / "build" / "console"
    bundle.write(bundle.plan(sources(jobs, dict(bundle.SPA_OPTIONS), page=page, title="Bakery")), folder)
    return folder


@pytest.fixture(scope="module")
def host(built: Path) -> Iterator[HostSite]:
    """A site that sends no headers of its own with anything."""
    with host_site(built) as site:
        yield site


@pytest.fixture(scope="module")
def shared(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """For pages that only look different: their tabs stay open, so that one engine serves them all."""
    with launched(playwright, tmp_path_factory.mktemp("profile")) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser


def bake(console: Locator, text: str = '{ "loaves": 2, "flour": "rye" }') -> Locator:
    """The output of a run that has completed."""
    output = output_of(Dashboard(console).trigger("bake", text))
    expect(output).to_contain_text("baked")
    return output


def rows(console: Locator) -> Locator:
    return Dashboard(console).rows


def until_it_knows_its_jobs(console: Locator) -> None:
    Dashboard(console).open_view("Trigger")
    expect(Dashboard(console).jobs).to_have_count(3)


def test_element_runs_a_job_and_keeps_it_over_a_reload(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(ELEMENT))
    bake(page.locator("durably-console"))
    assert page.evaluate("crossOriginIsolated") is False
    page.reload()
    expect(rows(page.locator("durably-console"))).to_contain_text(["Completed"])
    assert page.title() == "Shop"


def test_run_that_is_under_way_goes_on_after_a_reload(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(ELEMENT))
    console = page.locator("durably-console")
    Dashboard(console).trigger("rest")
    expect(rows(console)).to_contain_text(["Running"])
    page.reload()
    # Whoever comes back sees at once how it goes on.
    expect(Dashboard(console).run.locator("dl")).to_contain_text("Attempt2")


def test_hostile_page_changes_nothing_within(built: Path, host: HostSite, chromium: Chromium) -> None:
    plain = chromium.open(host.page(ELEMENT))
    looks = look_of(plain)
    plain.close()
    with third_party(built) as elsewhere:
        body = f'<script type="module" src="{host.url}app/embed.js"></script><img src="{elsewhere}pixel.gif">'
        page = chromium.open(host.page(f"{body}<durably-console></durably-console>", head=HOSTILE))
        assert differences(looks, look_of(page)) == []
        assert page.evaluate("document.images[0].naturalWidth") == 1
        bake(page.locator("durably-console"))
        assert page.url.startswith(host.url)


def test_element_changes_nothing_around_it(host: HostSite, chromium: Chromium) -> None:
    body = "<h1>Shop</h1><button class='primary'>Buy</button><table class='card'><tr><td>1</table>"
    page = chromium.open(host.page(f"<main>{body}</main>"))
    before = computed(page.locator("main"))
    page.evaluate("import('/app/embed.js')")
    page.evaluate("document.body.append(document.createElement('durably-console'))")
    until_it_knows_its_jobs(page.locator("durably-console"))
    assert computed(page.locator("main")) == before


def test_script_runs_a_job(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(script()))
    expect(page).to_have_title("2 loaves")
    assert page.evaluate("durably.status.storage.kind") == "opfs"


def test_script_and_elements_share_one_engine(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(
        host.page(f"{ELEMENT}<durably-console></durably-console>{script('./app/embed.js?v=1')}")
    )
    expect(page).to_have_title("2 loaves")
    first, second = page.locator("durably-console").all()
    for console in (first, second):
        expect(rows(console)).to_contain_text(["Completed"])
        assert console.evaluate("(element) => element.durably === window.durably")
    assert len(page.workers) == 1


def test_elements_have_their_own_selection_and_leave_the_address_alone(
    host: HostSite, chromium: Chromium
) -> None:
    page = chromium.open(host.page(f"{ELEMENT}<durably-console job='burn'></durably-console>") + "#section")
    first, second = page.locator("durably-console").all()
    bake(first)
    expect(second.get_by_text(NOTHING_YET)).to_be_visible()
    Dashboard(second).open_view("Trigger")
    expect(Dashboard(second).jobs).to_have_count(0)
    Dashboard(second).start("burn")
    expect(second.get_by_role("group", name="Error")).to_contain_text("too hot")
    expect(first.get_by_role("group", name="Error")).to_have_count(0)
    expect(rows(first)).to_have_count(2)
    expect(rows(second)).to_have_count(1)
    Dashboard(second).open_view("Overview")
    expect(second.get_by_role("rowheader")).to_have_text(["burn"])
    assert page.url.endswith("#section")


def test_databases_are_apart(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(f"{ELEMENT}<durably-console database='other'></durably-console>"))
    first, second = page.locator("durably-console").all()
    bake(first)
    expect(second.get_by_text(NOTHING_YET)).to_be_visible()
    first.evaluate("(element) => element.setAttribute('database', 'o/ther')")
    expect(first).to_contain_text("must be 1 to 64 letters")
    # Another database, in the same place.
    first.evaluate("(element) => element.setAttribute('database', 'other')")
    expect(first.get_by_text(NOTHING_YET)).to_be_visible()


def test_moved_element_keeps_what_was_typed(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(f"{ELEMENT}<main></main>"))
    console = page.locator("durably-console")
    Dashboard(console).fill("bake", "typed")
    page.evaluate("document.querySelector('main').append(document.querySelector('durably-console'))")
    expect(page.locator("main durably-console").get_by_label("Input of bake, as JSON")).to_have_value("typed")


def test_engine_goes_on_when_the_last_element_is_removed(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(ELEMENT))
    console = page.locator("durably-console")
    until_it_knows_its_jobs(console)
    page.evaluate("window.removed = document.querySelector('durably-console')")
    page.evaluate("removed.remove()")
    assert page.evaluate("async () => removed.shadowRoot.querySelectorAll('input').length") == 0
    output = page.evaluate(
        "async () => (await removed.durably.jobs.bake.triggerAndWait({ loaves: 1, flour: '' })).output"
    )
    assert output == {"baked": 1}
    page.evaluate("document.body.append(removed)")
    expect(rows(console)).to_contain_text(["Completed"])
    assert len(page.workers) == 1


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ("job='cook'", "There is no job cook."),
        ("database='a b'", 'The database name "a b" must be'),
    ],
)
def test_attribute_that_fits_nothing_is_told(
    host: HostSite, shared: Chromium, attributes: str, words: str
) -> None:
    page = shared.open(host.page(f"{EMBED}<durably-console {attributes}></durably-console>"))
    expect(page.locator("durably-console")).to_contain_text(words)


@pytest.mark.parametrize(
    ("attribute", "style", "is_dark"),
    [
        ("", "", False),
        ("", ":root { color-scheme: dark }", True),
        ("", ":root { color-scheme: light dark }", True),
        ("color-scheme='light'", ":root { color-scheme: dark }", False),
        ("color-scheme='dark'", "", True),
    ],
)
def test_element_is_as_dark_as_the_page_or_as_it_is_told(
    host: HostSite, shared: Chromium, attribute: str, style: str, *, is_dark: bool
) -> None:
    address = host.page(f"{EMBED}<style>{style}</style><durably-console {attribute}></durably-console>")
    page = shared.context.new_page()
    page.emulate_media(color_scheme="dark")
    page.goto(address)
    card = page.locator("durably-console .card").first
    expect(card).to_have_css("background-color", "rgb(21, 24, 27)" if is_dark else "rgb(255, 255, 255)")


def test_keyboard_alone_does_it_all_within_a_page(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(f"<button>Before</button>{ELEMENT}<button>After</button>"))
    console = page.locator("durably-console")
    until_it_knows_its_jobs(console)
    Dashboard(console).open_view("Runs")
    page.get_by_role("button", name="Before").focus()
    page.keyboard.press("Tab")
    views = console.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Runs")).to_be_focused()
    page.keyboard.press("Tab")
    trigger = views.get_by_role("link", name="Trigger")
    expect(trigger).to_be_focused()
    expect(trigger).to_have_css("outline-style", "solid")
    page.keyboard.press("Enter")
    reach(page, Dashboard(console).jobs.filter(has_text="burn"))
    page.keyboard.press("Enter")
    reach(page, console.get_by_role("button", name="Start burn"))
    page.keyboard.press("Enter")
    expect(console.get_by_role("group", name="Error")).to_be_visible()
    # What had the focus is hidden: it goes on where the run is shown, and then out of the element.
    expect(console.locator(".main")).to_be_focused()
    reach(page, page.get_by_role("button", name="After"))


def reach(page: Page, target: Locator) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element.matches(':focus')"):
            return
    raise AssertionError("It can't be reached with the Tab key.")


def test_page_of_ones_own_needs_no_bundler(tmp_path: Path, chromium: Chromium) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text(f"<div id='root'></div>{script('./embed.js')}")
    (tmp_path / "jobs.py").write_text(JOBS.read_text())
    with serving(
        tmp_path, DURABLY, "build", "jobs.py", "--page", "mine", "--wheels", ROOT / "build/wheels"
    ) as build:
        build.wait_for(r"(dist: \d+ files)")
    with served(tmp_path / "dist") as site:
        expect(chromium.open(site.url)).to_have_title("2 loaves")


# ---------------------------------------------------------------- policies, and other sites


def test_strict_content_security_policy_is_enough(host: HostSite, chromium: Chromium) -> None:
    page = chromium.open(host.page(ELEMENT, headers={"Content-Security-Policy": STRICT}))
    bake(page.locator("durably-console"))
    expect(page.locator("durably-console .card").first).to_have_css("border-top-left-radius", "12px")


@pytest.mark.parametrize("embedder", ["credentialless", "require-corp"])
def test_isolated_page_runs_jobs(built: Path, chromium: Chromium, embedder: str) -> None:
    isolation = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": embedder}
    with host_site(built, isolation) as site, third_party(built) as elsewhere:
        image = f"<img src='{elsewhere}pixel.gif'>"
        page = chromium.open(site.page(ELEMENT + image, headers=isolation))
        bake(page.locator("durably-console"))
        assert page.evaluate("crossOriginIsolated") is True
        # Images of others are why a page chooses the one or the other.
        assert page.evaluate("document.images[0].naturalWidth") == (embedder == "credentialless")


def test_service_worker_of_the_page_stays_in_charge(host: HostSite, chromium: Chromium) -> None:
    body = "<script>navigator.serviceWorker.register('/worker-of-host.js')</script>"
    page = chromium.open(host.page(ELEMENT + body))
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    bake(page.locator("durably-console"))
    controlled = page.evaluate("navigator.serviceWorker.controller.scriptURL")
    assert controlled == f"{host.url}worker-of-host.js"
    scopes = page.evaluate(
        "async () => (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope)"
    )
    assert scopes == [host.url]


def test_page_around_has_the_version_that_the_host_has(tmp_path: Path, chromium: Chromium) -> None:
    jobs = tmp_path / "bakery" / "jobs.py"
    jobs.parent.mkdir()
    jobs.write_text(JOBS.read_text())
    with host_site(write_site(tmp_path / "dist", jobs)) as site:
        inside = chromium.open(site.url + "app/")
        expect(inside.get_by_text("Works offline", exact=True)).to_be_visible()
        wait_until_ready(inside)
        jobs.write_text(JOBS.read_text().replace("baked=order.loaves", "baked=order.loaves * 10"))
        write_site(tmp_path / "dist", jobs)
        # The service worker of the folder keeps the old version until the person wants the new one.
        inside.reload()
        expect(inside.get_by_role("button", name="Update")).to_be_visible()
        expect(bake(inside.locator("body"))).to_contain_text("baked:2")
        inside.close()
        page = chromium.open(site.page(ELEMENT))
        expect(bake(page.locator("durably-console"))).to_contain_text("baked:20")


def test_site_of_another_origin_that_shares_is_embedded(
    built: Path, host: HostSite, chromium: Chromium
) -> None:
    with third_party(built, shares=True) as elsewhere:
        body = f"<durably-console></durably-console>{script(f'{elsewhere}app/embed.js')}"
        page = chromium.open(host.page(body))
        expect(page).to_have_title("2 loaves")
        expect(rows(page.locator("durably-console"))).to_contain_text(["Completed"])
        # What is stored is this page's, and not the other's.
        page.reload()
        expect(rows(page.locator("durably-console"))).to_contain_text(["Completed", "Completed"])


def test_script_of_another_origin_that_does_not_share_is_an_error_of_the_page(
    built: Path, host: HostSite, chromium: Chromium
) -> None:
    with third_party(built) as elsewhere:
        tag = (
            f"<script type='module' src='{elsewhere}app/embed.js' onerror=\"document.title = 'none'\"></script>"
        )
        page = chromium.open(host.page(tag))
        expect(page).to_have_title("none")


def test_element_shows_an_engine_on_a_server(tmp_path: Path, chromium: Chromium) -> None:
    (tmp_path / "jobs.py").write_text(JOBS.read_text())
    with serving(tmp_path, DURABLY, "serve", "jobs.py", "--port", "0") as server:
        page = chromium.open(server.wait_for(r"(http://\S+:\d+)"))
        page.evaluate("import('/embed.js')")
        page.evaluate("document.body.innerHTML = '<durably-console api=\"/api/durably\"></durably-console>'")
        bake(page.locator("durably-console"))
        expect(page.locator("durably-console")).to_contain_text("engine on a server")
        assert page.workers == []


# ---------------------------------------------------------------- how things look


def look_of(page: Page) -> list[dict[str, str]]:
    """How each element of the console looks, with the same room on every page."""
    console = page.locator("durably-console")
    until_it_knows_its_jobs(console)
    expect(console.get_by_role("link", name="Licences")).to_be_visible()
    expect(console.get_by_role("button", name="Start bake")).to_be_visible()
    expect(console.get_by_text(NOTHING_YET)).to_be_attached()
    console.evaluate("(element, style) => { element.style.cssText = style }", ROOM)
    # How long the start took and how much is stored is another each time.
    console.evaluate(WITHOUT_FIGURES)
    page.emulate_media(reduced_motion="reduce")
    page.mouse.move(1200, 700)
    return computed(console)


def differences(looks: list[dict[str, str]], others: list[dict[str, str]]) -> list[tuple[str, ...]]:
    if len(looks) != len(others):
        return [(str(len(looks)), str(len(others)))]
    return [
        (str(number), name, value, other[name])
        for number, (look, other) in enumerate(zip(looks, others, strict=True))
        for name, value in look.items()
        if other[name] != value
    ]


def computed(element: Locator) -> list[dict[str, str]]:
    """All styles of all that is in the element, or in its shadow root."""
    looks: list[dict[str, str]] = element.evaluate(COMPUTED)
    assert len(looks) > 5
    return looks


WITHOUT_FIGURES = """
({ shadowRoot }) => {
  for (const each of shadowRoot.querySelectorAll('.boot-status, .storage-link')) each.style.display = 'none'
}
"""
ROOM = ";".join(
    f"{name}: {value} !important"
    for name, value in {
        "display": "block",
        "position": "absolute",
        "inset": "0 auto auto 0",
        "inline-size": "900px",
        "margin": "0",
        "border": "0",
        "padding": "0",
    }.items()
)
COMPUTED = """
(element) => [...(element.shadowRoot ?? element).querySelectorAll('*')].map((each) => {
  const style = getComputedStyle(each)
  return Object.fromEntries([...style].map((name) => [name, style.getPropertyValue(name)]))
})
"""
