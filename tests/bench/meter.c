// Runs a program and writes what it cost into a file: microseconds, microseconds of CPU with all it
// started, KiB at most. It is small, because a child's peak begins with what its parent holds.
//   meter FILE PROGRAM [ARGUMENT …]

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(struct timeval time) {
  return 1000000LL * time.tv_sec + time.tv_usec;
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return 1000000LL * time.tv_sec + time.tv_nsec / 1000;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    return 64;
  }
  const long long begin = now();
  const pid_t child = fork();
  if (child == 0) {
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    return 70;
  }
  const long long end = now();
  FILE* file = fopen(argv[1], "w");
  if (file == NULL) {
    return 74;
  }
  fprintf(file, "%lld %lld %ld\n", end - begin,
          microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
  fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
