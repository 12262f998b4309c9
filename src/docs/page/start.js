// A file of its own: the pages of this server run no inline script.
window.SwaggerUIBundle({
  url: 'docs-json',
  dom_id: '#page',
  deepLinking: true,
  // A badge of validator.swagger.io would send the document there.
  validatorUrl: null,
});
