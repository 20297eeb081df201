Object.assign(window, {
  limit: (count: number) =>
    new Promise<number>((resolve) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
      worker.onmessage = (event: MessageEvent<number>) => {
        worker.terminate()
        resolve(event.data)
      }
      worker.postMessage(count)
    }),
  engineReady: true,
})
