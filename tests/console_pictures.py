"""Write the pictures of the console for the docs, as `make pictures` does."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from console_example import fill, pages
from mock_process import running

FOLDER = Path(__file__).parents[1] / "docs" / "console"
WINDOW = {"width": 1000, "height": 560}
# The pages, and the color scheme of each.
PICTURES = {"journal": "light", "explain": "light", "faults": "dark"}


def main():
    FOLDER.mkdir(exist_ok=True)
    with running("-q") as mock, sync_playwright() as playwright:
        fill(mock.url)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        paths = pages(mock.url)
        for name, scheme in PICTURES.items():
            page = browser.new_page(viewport=WINDOW, color_scheme=scheme)
            page.goto(mock.url + paths[name])
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
