import react from '@vitejs/plugin-react'
import { durably } from 'durably/vite'
import { defineConfig } from 'vite'

export default defineConfig(({ mode }) => ({
  // Only SPA mode needs the plugin: it packs the jobs, with Python, for the browser.
  plugins: mode === 'spa' ? [react(), durably({ jobs: 'jobs/jobs.py', types: 'src/jobs.gen.ts' })] : [react()],
  build: { outDir: `dist/${mode}` },
}))
