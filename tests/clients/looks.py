"""The looks of a page: light and dark, on a desk and on a phone, checked without loading it once for each."""

import base64

from selenium.webdriver.common.by import By

import browsers

LOOKS = {
    "light-1280": {}, "dark-1280": {"dark": True},
    "light-390": {"width": 390}, "dark-390": {"width": 390, "dark": True}, "light-360": {"width": 360},
}
# contrast depends on the colours, and the size of what is pressed on the width
CHECKED_BY_AXE = ["light-1280", "dark-390"]
# for people to look at, by language
PICTURES = {"en": ["light-1280", "dark-390"], "de": ["light-390"]}
TOO_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


def problems(browser, axe, name, folder, language="en"):
    """Returns what is wrong with the page that the browser shows, and keeps pictures of it in `folder`."""
    found = {}
    if (lang := browser.find_element(By.TAG_NAME, "html").get_attribute("lang")) != language:
        found[f"{name}: language"] = lang
    for look, how in LOOKS.items():
        browsers.set_look(browser, **how)
        if browser.execute_script(TOO_WIDE):
            found[f"{name}, {look}: too wide"] = browser.current_url
        if look in CHECKED_BY_AXE and (wrong := browsers.violations(browser, axe)):
            found[f"{name}, {look}"] = wrong
        if look in PICTURES[language]:
            shot = browsers.command(browser, "Page.captureScreenshot", captureBeyondViewport=True)
            (folder / f"{name}-{look}-{language}.png").write_bytes(base64.b64decode(shot["data"]))
    browsers.set_look(browser)
    return found
