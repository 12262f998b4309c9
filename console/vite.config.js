import { defineConfig } from 'vite';

/** The page is served at `/console`, or wherever a proxy has put that: everything is found relative to it. */
export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: 'es2022',
    // An image in the markup would need `data:` in the page's policy.
    assetsInlineLimit: 0,
    modulePreload: false,
    license: { fileName: 'licenses.md' },
  },
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `console/${file}` : { relative: true }),
  },
});
