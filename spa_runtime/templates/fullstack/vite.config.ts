import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // In development the page comes from here, and the API from the server.
  server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
})
