"""The dashboard as a person uses it: in a page of its own, or within an element of another's."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect


@dataclass(frozen=True)
class Dashboard:
    root: Page | Locator

    def open_view(self, name: str) -> None:
        self.root.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()

    @property
    def jobs(self) -> Locator:
        """In the view that triggers them."""
        return self.root.get_by_role("navigation", name="Jobs").get_by_role("link")

    def choose(self, job: str) -> None:
        self.open_view("Trigger")
        page = self.root if isinstance(self.root, Page) else self.root.page
        link = self.jobs.filter(has=page.get_by_text(job, exact=True))
        # One job alone is not listed.
        expect(link.or_(self.root.get_by_role("heading", name=job, exact=True)).first).to_be_visible()
        if link.is_visible():
            link.click()

    def fill(self, job: str, text: str) -> Locator:
        """The field with the input as JSON."""
        self.choose(job)
        self.root.get_by_role("button", name="JSON", exact=True).click()
        field = self.root.get_by_label(f"Input of {job}, as JSON")
        field.fill(text)
        return field

    def start(self, job: str) -> None:
        self.root.get_by_role("button", name=f"Start {job}").click()

    def trigger(self, job: str, text: str | None = None) -> Locator:
        """The new run, as it is shown."""
        if text is None:
            self.choose(job)
        else:
            self.fill(job, text)
        self.start(job)
        expect(self.run.get_by_role("heading", level=2)).to_contain_text(job)
        return self.run

    @property
    def run(self) -> Locator:
        return self.root.get_by_role("region", name="Selected run")

    @property
    def rows(self) -> Locator:
        return self.root.get_by_role("list", name="Runs").get_by_role("listitem")


def output_of(run: Locator) -> Locator:
    return run.get_by_label("Output", exact=True)
