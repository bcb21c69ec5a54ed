// Every address is relative to the page, so that it works behind a proxy that adds a prefix too, and under another name
// of the host than the one in the document.
window.addEventListener("DOMContentLoaded", async () => {
  const base = new URL(".", window.location.href);
  const spec = await (await fetch("openapi.json")).json();
  spec.servers = [{ url: base.pathname.replace(/\/$/, "") || "/" }];
  const schemes = spec.components.securitySchemes;
  schemes.rolecall.flows.password.tokenUrl = new URL("token", base).pathname;
  // the page logs in; the second scheme is the same for programs, and would be a second form in the dialog
  delete schemes.bearer;
  for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
    operation.security = operation.security?.filter((way) => !("bearer" in way));
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
