import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv, type ProxyOptions } from 'vite'

export default defineConfig(({ mode }) => ({
  plugins: [react()],
  // In development; once it is built, the server that has the API has the page, too.
  server: { proxy: { '/api': api(loadEnv(mode, '.', 'API_').API_URL ?? 'http://127.0.0.1:8000') } },
}))

function api(target: string): ProxyOptions {
  return {
    target,
    configure(proxy) {
      // A stream that the server cut, when it was started anew, ends for the page, too. Without this
      // the page would notice only from the silence, after most of a minute.
      proxy.on('proxyRes', (upstream, _request, answer) => {
        upstream.on('close', () => answer.destroy())
      })
    },
  }
}
