// Times in the zone of the reader. Without it, pages show them in UTC; the exact time stays in the title.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  }
}
// Times are entered in the zone of the reader, and sent in UTC. Without it, the labels say UTC. A value that the browser has
// restored is in the zone already, and stays: only the default changes.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const field of document.querySelectorAll('input[type="datetime-local"]')) {
  const utc = field.defaultValue;
  const at = new Date(`${utc}Z`);
  const there = new Date(at.getTime() - at.getTimezoneOffset() * 60000);
  // the field has room for four digits of a year
  if (there.getUTCFullYear() > 9999) continue;
  if (utc) field.defaultValue = there.toISOString().slice(0, 19).replace(/:00$/, "");
  for (const label of field.labels) label.textContent = label.textContent.replace("UTC", zone);
  const shown = field.defaultValue;
  field.form.addEventListener("formdata", (event) => {
    // what nobody changed is sent as it was: an hour that occurs twice has two times
    const sent = field.value === shown ? utc : new Date(field.value || NaN);
    if (field.value) event.formData.set(field.name, sent === utc ? utc : sent.toISOString().slice(0, 19));
  });
}
// One box that ticks all boxes of its form.
for (const all of document.querySelectorAll("input[data-all]")) {
  all.closest("[hidden]")?.removeAttribute("hidden");
  all.addEventListener("change", () => {
    for (const one of all.form.querySelectorAll('input[type="checkbox"][name="user"]')) one.checked = all.checked;
  });
}
// After a fault, the summary is read first.
document.getElementById("faults")?.focus();
