/** Reads the settings of a program in a pod. Each error is a line for the pod's log. */

export type PodSettings = ReturnType<typeof createPodSettings>;

/** @param advice for a missing setting. */
export function createPodSettings(environment: NodeJS.ProcessEnv, advice: string) {
  function needed(name: string): string {
    const value = environment[name];
    if (!value) throw new Error(`${name} is not set: ${advice}`);
    return value;
  }

  return {
    needed,
    oneOf<Choice extends string>(name: string, first: Choice, second: Choice, value = needed(name)): Choice {
      if (value === first || value === second) return value as Choice;
      throw new Error(`${name} is ${value}, but must be ${first} or ${second}`);
    },
  };
}
