"""Headless Chromium, and the actions of a person on the page /docs."""

from selenium import webdriver
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
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--no-first-run", f"--window-size={size}", f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(program("XTASK_CHROMEDRIVER", "chromedriver")))


def wait_for(browser, condition):
    return WebDriverWait(browser, 30).until(condition)


def click(browser, xpath):
    element = wait_for(browser, until.element_to_be_clickable((By.XPATH, xpath)))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def authorize(browser, username, password=PASSWORD):
    """Logs in with the Authorize button and closes the dialog."""
    click(browser, '//*[contains(@class, "auth-wrapper")]//button[contains(@class, "authorize")]')
    wait_for(browser, until.visibility_of_element_located((By.ID, "oauth_username"))).send_keys(username)
    browser.find_element(By.ID, "oauth_password").send_keys(password)
    click(browser, '//*[contains(@class, "auth-btn-wrapper")]//button[contains(@class, "authorize")]')
    wait_for(browser, until.presence_of_element_located((By.XPATH, '//button[text()="Logout"]')))
    click(browser, '//*[contains(@class, "modal-ux-header")]//button')
