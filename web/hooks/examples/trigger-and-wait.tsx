import { DurablyError, RunFailedError } from 'durably'
import { useJob } from 'durably/react'
import { useState } from 'react'

export function CountAndWait() {
  const { triggerAndWait } = useJob('count-to')
  const [said, setSaid] = useState<string[]>([])
  const say = (words: string) => setSaid((before) => [...before, words])

  const start = async (timeoutMs?: number) => {
    try {
      const { output, disposition } = await triggerAndWait(
        { to: 3, pause_ms: 150 },
        {
          timeoutMs,
          onProgress: ({ current, total }) => say(`${current} of ${total}`),
          onLog: ({ level, message }) => say(`${level}: ${message}`),
        },
      )
      say(`${disposition}: ${output.total}`)
    } catch (error) {
      if (error instanceof RunFailedError) say(`failed: ${error.run.errorType} ${error.message}`)
      else if (error instanceof DurablyError) say(`${error.code}: ${error.message}`)
      else throw error
    }
  }

  return (
    <section>
      <button onClick={() => void start()}>Count</button>
      <button onClick={() => void start(50)}>Count, and wait 50 ms at most</button>
      <ol>
        {said.map((words, index) => (
          <li key={index}>{words}</li>
        ))}
      </ol>
    </section>
  )
}
