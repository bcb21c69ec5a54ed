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
  const at = new Date(`${field.defaultValue}Z`);
  if (!Number.isNaN(at.getTime())) {
    const there = new Date(at.getTime() - at.getTimezoneOffset() * 60000);
    field.defaultValue = there.toISOString().slice(0, 19).replace(/:00$/, "");
  }
  for (const label of field.labels) label.textContent = label.textContent.replace("UTC", zone);
  field.form.addEventListener("formdata", (event) => {
    if (field.value) event.formData.set(field.name, new Date(field.value).toISOString().slice(0, 19));
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
