// One static app under /dashboard/, written to src/dashboard/dist, which the crate embeds.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const server = process.env.VITRAIL_URL ?? 'http://127.0.0.1:6333';

export default defineConfig({
  base: '/dashboard/',
  plugins: [svelte({ emitCss: true })],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    // A data: address is not the server's own, and the content policy forbids it for fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': server, '/healthz': server } },
});
