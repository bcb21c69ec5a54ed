// Every address is relative to the page, so that it works behind a proxy that adds a prefix too, and under another name
// of the host than the one in the document.
window.addEventListener("DOMContentLoaded", async () => {
  const base = new URL(".", window.location.href);
  const spec = await (await fetch("openapi.json")).json();
  // the routes of rolecall, and so this page, may be below a prefix of the application
  const prefix = `${spec["x-rolecall-prefix"] ?? ""}/`;
  const root = base.pathname.endsWith(prefix) ? base.pathname.slice(0, -prefix.length) : base.pathname;
  spec.servers = [{ url: root.replace(/\/$/, "") || "/" }];
  document.title = spec.info.title;
  const hint = "Press **Authorize** to log in, then try a route.";
  spec.info.description = [hint, spec.info.description].filter(Boolean).join("\n\n");
  const schemes = spec.components.securitySchemes;
  const { password, authorizationCode } = schemes.rolecall.flows;
  authorizationCode.authorizationUrl = new URL("authorize", base).pathname;
  for (const flow of [password, authorizationCode]) {
    flow.tokenUrl = new URL("token", base).pathname;
    // a log-in without scopes gets all that the user has; one with a scope that the user lacks would be refused, so that
    // "select all" would fail for everybody
    flow.scopes = {};
  }
  // the page logs in; the second scheme is the same for programs, and would be a second form in the dialog
  delete schemes.bearer;
  for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
    if (operation?.security) {
      operation.security = operation.security.filter((way) => !("bearer" in way));
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
    oauth2RedirectUrl: new URL("docs/oauth2-redirect.html", base).href,
  });
  window.ui.initOAuth({ usePkceWithAuthorizationCodeGrant: true });
});
