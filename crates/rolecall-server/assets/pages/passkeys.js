// Passkeys. A form with `data-get` signs in, one with `data-create` adds a passkey: the options of the browser's call are
// in the attribute. Without script these forms stay hidden.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const ids = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

  function read(json) {
    const options = JSON.parse(json);
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    if (options.excludeCredentials) options.excludeCredentials = ids(options.excludeCredentials);
    if (options.allowCredentials) options.allowCredentials = ids(options.allowCredentials);
    return options;
  }

  function write(credential) {
    const { id, type, response } = credential;
    const written = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      written.attestationObject = text(response.attestationObject);
      written.transports = response.getTransports ? response.getTransports() : [];
    } else {
      written.authenticatorData = text(response.authenticatorData);
      written.signature = text(response.signature);
      if (response.userHandle) written.userHandle = text(response.userHandle);
    }
    return JSON.stringify({ id, rawId: text(credential.rawId), type, response: written });
  }

  const isOfHost = (id) => location.hostname === id || location.hostname.endsWith(`.${id}`);

  for (const form of document.querySelectorAll("form[data-get], form[data-create]")) {
    const creates = form.dataset.create !== undefined;
    const publicKey = read(creates ? form.dataset.create : form.dataset.get);
    // a sign-in at another host, such as an address in place of `localhost`, could only fail
    if (form.dataset.autofill !== undefined && !isOfHost(publicKey.rpId)) continue;
    const failed = form.querySelector("[data-failed]");
    const button = form.querySelector("button");
    let waiting = null;

    async function ask(more) {
      const call = { publicKey, ...more };
      const credential = creates
        ? await navigator.credentials.create(call)
        : await navigator.credentials.get(call);
      form.elements.credential.value = write(credential);
      const stay = document.getElementById("stay");
      if (stay && form.elements.stay) form.elements.stay.value = stay.checked ? "on" : "";
      form.submit();
    }

    button.addEventListener("click", async () => {
      // what else the form asks for comes first: the answer counts for one try
      if (!form.reportValidity()) return;
      // one request at a time: the one that waits behind the field for the name ends
      if (waiting) waiting.abort();
      failed.hidden = true;
      button.disabled = true;
      try {
        await ask({});
      } catch (error) {
        failed.hidden = false;
      }
      button.disabled = false;
    });
    form.hidden = false;
    button.hidden = false;

    const available = PublicKeyCredential.isConditionalMediationAvailable;
    if (form.dataset.autofill !== undefined && available) {
      available.call(PublicKeyCredential).then((is) => {
        if (!is) return;
        waiting = new AbortController();
        return ask({ mediation: "conditional", signal: waiting.signal });
      }).catch(() => {
        // nobody chose one: the button and the password are still there
      });
    }
  }
})();
