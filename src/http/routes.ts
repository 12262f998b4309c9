/** What methods each path has: for `405` and its `Allow`. A test holds it against the running server. */
export const ALLOWED_METHODS: Readonly<Record<string, string>> = {
  '/push_events': 'POST',
  '/drop_user': 'POST',
  '/clients': 'GET, HEAD',
  '/health/live': 'GET, HEAD',
  '/health/ready': 'GET, HEAD',
  '/metrics': 'GET, HEAD',
  '/console': 'GET, HEAD',
  '/console/figures': 'GET, HEAD',
  '/console/log': 'GET, HEAD',
  '/docs': 'GET, HEAD',
  '/docs-json': 'GET, HEAD',
  '/subscribe_to_events': 'GET, HEAD, OPTIONS',
};
