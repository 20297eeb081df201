import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  plugins: [react()],
  build: { outDir: '../../../build/original', emptyOutDir: true, target: 'es2022', minify: false },
})
