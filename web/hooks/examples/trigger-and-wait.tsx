import { DurablyError, RunFailedError } from 'durably'
import { useJob } from 'durably/react'
import { useState } from 'react'

export function CountAndWait() {
  const { triggerAndWait } = useJob('count-to')
  const [said, setSaid] = useState<string[]>([])
  const say = (words: string) => setSaid((before) => [...before, words])

  const start = async (to: number, timeoutMs?: number) => {
    try {
      const { output, disposition } = await triggerAndWait(
        { to, pause_ms: 150 },
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
      <button onClick={() => void start(3)}>Count</button>
      <button onClick={() => void start(100, 2000)}>Count to 100, and wait 2 s at most</button>
      <ol>
        {said.map((words, index) => (
          <li key={index}>{words}</li>
        ))}
      </ol>
    </section>
  )
}
