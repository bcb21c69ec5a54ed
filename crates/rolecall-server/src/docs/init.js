// Every address is relative to the page, so that it works behind a proxy that adds a prefix too.
window.addEventListener("DOMContentLoaded", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
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
