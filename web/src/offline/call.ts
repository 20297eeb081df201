interface Target {
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** Posts a message, and waits for the answer. Null: none came within `ms`. */
export function call<Answer>(target: Target, message: object, ms: number): Promise<Answer | null> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    const settle = (answer: Answer | null): void => {
      clearTimeout(timer)
      port1.close()
      resolve(answer)
    }
    const timer = setTimeout(() => settle(null), ms)
    port1.onmessage = (event: MessageEvent<Answer>) => settle(event.data)
    target.postMessage(message, [port2])
  })
}
