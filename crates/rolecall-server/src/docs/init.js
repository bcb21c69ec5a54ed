// Every address is relative to the page, so that it works behind a proxy that adds a prefix too, and under another name
// of the host than the one in the document.
window.addEventListener("DOMContentLoaded", async () => {
  const base = new URL(".", window.location.href);
  const spec = await (await fetch("openapi.json")).json();
  spec.servers = [{ url: base.pathname.replace(/\/$/, "") || "/" }];
  for (const scheme of Object.values(spec.components.securitySchemes)) {
    if (scheme.flows) {
      scheme.flows.password.tokenUrl = new URL("token", base).pathname;
    }
  }
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    displayRequestDuration: true,
    // an access token stays in the memory of the page
    persistAuthorization: false,
    // no other host is asked to judge the document
    validatorUrl: null,
  });
});
