"""Headless Chromium, and the actions of a person on the pages."""

import json
import shutil

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.ui import WebDriverWait

from programs import PASSWORD, program


def chromium(folder, size="1280,1600"):
    """A browser with a fresh profile in `folder`."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("XTASK_CHROMIUM", "chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--no-first-run", f"--window-size={size}", f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(flag)
    if not has_roomy_memory():
        # a container may have 64 MB, of which a browser runs out
        options.add_argument("--disable-dev-shm-usage")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(program("XTASK_CHROMEDRIVER", "chromedriver")))


def has_roomy_memory():
    """Whether shared memory has room for a few browsers; files on a disk take its place otherwise."""
    try:
        return shutil.disk_usage("/dev/shm").free > 1 << 30
    except OSError:
        return False


def wait_for(browser, condition):
    return WebDriverWait(browser, 30).until(condition)


def click(browser, xpath):
    element = wait_for(browser, until.element_to_be_clickable((By.XPATH, xpath)))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def authorize(browser, username, password=PASSWORD):
    """Logs in with the form of the Authorize button and closes the dialog."""
    click(browser, '//*[contains(@class, "auth-wrapper")]//button[contains(@class, "authorize")]')
    wait_for(browser, until.visibility_of_element_located((By.ID, "oauth_username"))).send_keys(username)
    browser.find_element(By.ID, "oauth_password").send_keys(password)
    # beside it is the form of the code flow
    click(browser, '//*[contains(@class, "auth-container")][.//*[@id="oauth_username"]]//button[contains(@class, "authorize")]')
    wait_for(browser, until.presence_of_element_located((By.XPATH, '//button[text()="Logout"]')))
    click(browser, '//*[contains(@class, "modal-ux-header")]//button')


def show_section(browser, tag):
    """Closes all sections of the page /docs but one: of what is on a long page, only the part in view exists."""
    wait_for(browser, until.presence_of_element_located((By.CSS_SELECTOR, "h3.opblock-tag")))
    quiet = 0

    def settled(_):
        nonlocal quiet
        closed = browser.execute_script(
            "const open = [...document.querySelectorAll('h3.opblock-tag[data-is-open=true]')]"
            "  .filter((section) => section.dataset.tag !== arguments[0]);"
            "open.forEach((section) => section.click());"
            "return open.length", tag)
        quiet = 0 if closed else quiet + 1
        return quiet == 2

    wait_for(browser, settled)


def requested_urls(browser):
    """Yields the URLs that the page requested."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def command(browser, name, **parameters):
    """Sends a command of the DevTools protocol."""
    return browser.execute_cdp_cmd(name, parameters)


def set_scripts(browser, enabled):
    """Lets pages run scripts or not, as a person sets it in the browser; WebDriver works all the same."""
    command(browser, "Emulation.setScriptExecutionDisabled", value=not enabled)


def set_look(browser, width=None, dark=False):
    """Shows pages as on a device of this width, in dark colors or in light ones."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    command(browser, "Emulation.setEmulatedMedia", features=[scheme])
    if width:
        command(browser, "Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=2, mobile=True)
    else:
        command(browser, "Emulation.clearDeviceMetricsOverride")


def clear_cookies(browser):
    command(browser, "Network.clearBrowserCookies")


def fill(browser, **fields):
    """Types into the fields with these names."""
    for name, value in fields.items():
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)


def press(browser, text):
    """Presses the button with this text, and waits for the next page."""
    button = browser.find_element(By.XPATH, f'//button[normalize-space()="{text}"]')
    button.click()
    wait_for_next_page(browser, button)


def wait_for_next_page(browser, element):
    """Waits until the page of an element was replaced by one that is complete."""
    def is_gone(_):
        try:
            return not element.is_enabled()
        except WebDriverException:
            # stale, or caught in the middle of the change
            return True

    wait_for(browser, is_gone)
    wait_for(browser, lambda _: browser.execute_script("return document.readyState") == "complete")


def violations(browser, axe):
    """Runs axe-core in the page; returns what is wrong with it for people who see, hear or move differently."""
    if not browser.execute_script("return 'axe' in window"):
        browser.execute_script(axe)
    found = browser.execute_async_script("""
        const done = arguments[arguments.length - 1];
        axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            resultTypes: ["violations"],  // what passes is not listed, which takes as long as the check
        })
          .then((result) => done(result.violations), (error) => done([{id: String(error), nodes: []}]));""")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
