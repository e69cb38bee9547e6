// Package measure holds the tools that the command asynccrypto and the program bench share:
// operations to measure ([Operation]), a way to keep jobs in flight ([Runner]), figures
// ([Histogram], [Share]), facts about the machine ([ThisMachine]), and their presentation
// ([Number], [Duration], [Progress]). Plots are drawn by measure/svg.
package measure
